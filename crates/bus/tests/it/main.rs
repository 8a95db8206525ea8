//! The bus against real servers.

mod catalog;
mod forms;

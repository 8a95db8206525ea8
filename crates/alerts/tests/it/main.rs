//! The engine against real servers: an HTTP receiver and a mail server of these tests, and a memory that outlives it.

mod engine;
mod restart;
mod senders;
mod servers;
mod world;

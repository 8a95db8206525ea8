//! What is said of migrations, and whether it is true.

mod claims;
mod hostile;
mod known;
mod said;
mod statements;
mod together;
mod touched;

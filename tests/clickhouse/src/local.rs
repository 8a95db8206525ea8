//! The process that is a server: `clickhouse local`, told to listen, which then reads its standard input until that
//! ends.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;

/// In the environment of such a process, a line each.
pub(crate) const ARGUMENTS: &str = "MILLRACE_TEST_CLICKHOUSE";

pub(crate) fn arguments(folder: &Path, native: u16, http: u16) -> Vec<String> {
    let listen = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP";
    vec![
        "clickhouse".to_owned(),
        format!("--config-file={}", folder.join("config.xml").display()),
        format!("--path={}", folder.join("data").display()),
        "--listen_host=127.0.0.1".to_owned(),
        format!("--tcp_port={native}"),
        format!("--http_port={http}"),
        format!("--query={listen}; SELECT count() FROM file('-', 'LineAsString')"),
    ]
}

/// Does nothing unless it is the process of a server: then it is one until its standard input ends.
pub fn serve() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let library = store::embedded::library().expect("make setup");
    let arguments = arguments.lines().map(|line| CString::new(line).expect("text"));
    let arguments: Vec<CString> = arguments.collect();
    let mut pointers: Vec<*mut c_char> =
        arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
    // SAFETY: the library is the one that `make setup` has checked; loading it runs its own initialisers.
    let library = unsafe { libloading::Library::new(library) }.expect("the engine's library");
    type Run = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;
    // SAFETY: `chdb.h` declares it so.
    let run = unsafe { library.get::<Run>(c"chdb_query_cmdline") }.expect("it runs a command line");
    // SAFETY: so many texts that end in NUL and outlive the call. Its result is left alone: the process ends.
    unsafe { run(pointers.len() as c_int, pointers.as_mut_ptr()) };
    std::process::exit(0);
}

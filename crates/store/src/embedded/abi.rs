//! The C ABI of libchdb, and the one call of the system's that it makes through us: every `unsafe`
//! of the workspace is in this file.
//!
//! Each foreign handle has one owner that frees it, and what must be freed first is owned by the
//! struct that must be freed later: closing a connection before its stream is cancelled and
//! destroyed is a segmentation fault in libc. So a stream takes its connection with it.
//!
//! The library is never unloaded: its background threads outlive every connection.

#![allow(unsafe_code)]

use super::{room, tokens};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::NonNull;

type Handle = *mut c_void;
type Text = *const c_char;

/// Declares the table of functions and how it is filled from the library.
macro_rules! functions {
    ($($name:ident: fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        pub(super) struct Abi {
            $($name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
        }

        impl Abi {
            fn bind(library: &'static libloading::Library) -> Result<Abi, libloading::Error> {
                Ok(Abi {
                    $($name: {
                        // SAFETY: the signature is the one in chdb.h of the version that the
                        // handshake in `load` asks for; the library is never unloaded.
                        *unsafe { library.get(concat!(stringify!($name), "\0"))? }
                    },)*
                })
            }
        }
    };
}

functions! {
    chdb_set_signal_handlers_enabled: fn(c_int);
    chdb_connect: fn(c_int, *mut Text) -> *mut Handle;
    chdb_close_conn: fn(*mut Handle);
    chdb_query_with_params_n: fn(Handle, Text, usize, Text, usize, *const Text, *const usize, *const Text, *const usize, usize) -> Handle;
    chdb_stream_query_with_params_n: fn(Handle, Text, usize, Text, usize, *const Text, *const usize, *const Text, *const usize, usize) -> Handle;
    chdb_stream_fetch_result: fn(Handle, Handle) -> Handle;
    chdb_stream_cancel_query: fn(Handle, Handle);
    chdb_result_buffer: fn(Handle) -> *const u8;
    chdb_result_length: fn(Handle) -> usize;
    chdb_result_elapsed: fn(Handle) -> f64;
    chdb_result_rows_read: fn(Handle) -> u64;
    chdb_result_bytes_read: fn(Handle) -> u64;
    chdb_result_storage_rows_read: fn(Handle) -> u64;
    chdb_result_storage_bytes_read: fn(Handle) -> u64;
    chdb_result_rows_written: fn(Handle) -> u64;
    chdb_result_bytes_written: fn(Handle) -> u64;
    chdb_result_error: fn(Handle) -> Text;
    chdb_destroy_query_result: fn(Handle);
    chdb_stream_insert_with_params_n: fn(Handle, Text, usize, Text, usize, *const Text, *const usize, *const Text, *const usize, usize) -> Handle;
    chdb_stream_insert_error: fn(Handle) -> Text;
    chdb_stream_append: fn(Handle, Text, usize) -> c_int;
    chdb_stream_done: fn(Handle) -> Handle;
    chdb_stream_cancel_insert: fn(Handle);
    chdb_destroy_insert_stream: fn(Handle);
    chdb_classify_query_n: fn(Handle, Text, usize, Text, usize, *mut Class) -> c_int;
}

/// A piece of memory as `writev` takes it.
#[repr(C)]
struct Piece {
    start: *const c_void,
    length: usize,
}

// Of the system's C library, which every Rust program on Linux is linked with.
unsafe extern "C" {
    fn writev(file: c_int, pieces: *const Piece, count: c_int) -> isize;
    fn fdatasync(file: c_int) -> c_int;
    fn stat(path: *const c_char, found: *mut c_void) -> c_int;
    fn __errno_location() -> *mut c_int;
    fn _exit(code: c_int) -> !;
    fn on_exit(hook: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
}

/// Lets the process end before the library's destructors: they run while threads of the engine still
/// live, and now and then crash a process whose work is done. What is durable does not need them.
///
/// Hooks run in the reverse order of their registration, and the library registers destructors
/// whenever it first needs one of its statics: so this is called again as it is used.
pub(super) fn leave_before_destructors() {
    // SAFETY: takes a function that lives as long as the program and an argument that it ignores.
    // Without room for another hook the process ends as it would have without this one.
    let _ = unsafe { on_exit(leave, std::ptr::null_mut()) };
}

extern "C" fn leave(code: c_int, _: *mut c_void) {
    // SAFETY: ends the process with the code that it was about to end with.
    unsafe { _exit(code) }
}

/// Takes the place of the system's `write` in this process: the engine's calls come here, because
/// the dynamic linker looks in the program first. [`room`] and [`tokens`] say why and what for.
///
/// # Safety
/// That of `write`: `start` has `length` readable bytes.
// SAFETY: the name is the system's own on purpose, with its signature and its meaning.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(file: c_int, start: *const c_void, length: usize) -> isize {
    let piece = Piece { start, length };
    let mut wait: Option<room::Wait> = None;
    loop {
        // SAFETY: one piece, alive for the call; its bytes are the caller's promise.
        let written = unsafe { writev(file, &piece, 1) };
        if written >= 0 {
            let bytes: &[u8] = match written {
                0 => &[],
                // SAFETY: the caller's bytes, as many as were written.
                _ => unsafe { std::slice::from_raw_parts(start.cast(), written as usize) },
            };
            if tokens::is_log_line(file, bytes) {
                // SAFETY: takes a file that is open: it has just been written to.
                if unsafe { fdatasync(file) } != 0 {
                    room::end_unsynced(&std::io::Error::last_os_error());
                }
            }
            return written;
        }
        let error = std::io::Error::last_os_error();
        if !room::is_waited_for(file, &error) {
            drop(wait);
            // SAFETY: this thread's own errno; looking at the file may have changed it.
            unsafe { *__errno_location() = error.raw_os_error().unwrap_or(0) };
            return -1;
        }
        wait.get_or_insert_with(room::Wait::begin).pause();
    }
}

/// What the engine looks for to know whether it can count what its threads wait for. It then reads some files
/// of `/proc` for every thread of every statement; and where it may see this one and not open it, as in a process
/// that is kept to its files, each of those ends in an exception: a third of the CPU of `SELECT 1`. None of what it
/// would count is shown anywhere.
const COUNTS_OF_THREADS: &CStr = c"/proc/thread-self/schedstat";
const NOT_FOUND: c_int = 2;

/// Takes the place of the system's `stat`, by the name that the library has for it, as [`write`] does.
///
/// # Safety
/// That of `stat`: `path` ends, and `found` has room for what is found.
// SAFETY: the name is the system's own on purpose, with its signature and its meaning.
#[unsafe(no_mangle)]
unsafe extern "C" fn __xstat(_: c_int, path: *const c_char, found: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    if unsafe { CStr::from_ptr(path) } == COUNTS_OF_THREADS {
        // SAFETY: this thread's own errno.
        unsafe { *__errno_location() = NOT_FOUND };
        return -1;
    }
    // SAFETY: the caller's promise. There has been one layout of what is found for as long as there are
    // 64 bits, so the version does not matter.
    unsafe { stat(path, found) }
}

/// Ends the process without running anything of the engine's.
pub(super) fn exit_at_once(code: c_int) -> ! {
    // SAFETY: takes a number and never returns.
    unsafe { _exit(code) }
}

/// What the engine says about a statement before it runs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Class {
    struct_size: u32,
    pub(super) statement_count: u32,
    pub(super) flags: u32,
    pub(super) class: u32,
}

/// Why the library cannot be used.
pub(super) enum LoadError {
    Open(libloading::Error),
    /// A function is missing.
    Bind(libloading::Error),
    Version(String),
}

/// Loads the library for the rest of the process. Signal handlers are off before the first
/// connection: with the engine's own, a crash hangs the process instead of ending it.
pub(super) fn load(path: &Path, version: &str) -> Result<&'static Abi, LoadError> {
    // SAFETY: the library's initialisers are those of the version that `make setup` verified.
    let library = unsafe { libloading::Library::new(path) }.map_err(LoadError::Open)?;
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    // Before the other functions: another version may lack some, and its number helps more.
    // SAFETY: the signature has been this one in every version.
    let ask = unsafe { library.get::<unsafe extern "C" fn() -> Text>(c"chdb_version") };
    let ask = ask.map_err(LoadError::Bind)?;
    // SAFETY: takes nothing, answers a static string.
    let found = text(unsafe { ask() }).unwrap_or_default();
    if found != version {
        return Err(LoadError::Version(found));
    }
    let abi = Abi::bind(library).map_err(LoadError::Bind)?;
    // SAFETY: takes a flag; no connection exists yet.
    unsafe { (abi.chdb_set_signal_handlers_enabled)(0) };
    Ok(Box::leak(Box::new(abi)))
}

fn text(pointer: Text) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the engine's strings end in NUL and live as long as their result; this copies.
    let text = unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}

/// Names and values for `{name:Type}` placeholders, as the four arrays that the calls take.
struct Params {
    names: Vec<Text>,
    name_lens: Vec<usize>,
    values: Vec<Text>,
    value_lens: Vec<usize>,
}

impl Params {
    fn new(params: &[(String, String)]) -> Params {
        Params {
            names: params.iter().map(|(name, _)| name.as_ptr().cast()).collect(),
            name_lens: params.iter().map(|(name, _)| name.len()).collect(),
            values: params.iter().map(|(_, value)| value.as_ptr().cast()).collect(),
            value_lens: params.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

type Call = unsafe extern "C" fn(
    Handle,
    Text,
    usize,
    Text,
    usize,
    *const Text,
    *const usize,
    *const Text,
    *const usize,
    usize,
) -> Handle;

/// One lane of the engine with its own settings, parameters and current database.
pub(super) struct Connection {
    abi: &'static Abi,
    outer: NonNull<Handle>,
}

// SAFETY: a connection has no thread affinity (measured: 8 threads on one), and `&mut self` on
// every call keeps two threads from using it at once.
unsafe impl Send for Connection {}

impl Connection {
    /// `None`: the engine refused and wrote the reason to stderr.
    pub(super) fn open(abi: &'static Abi, args: &[CString]) -> Option<Connection> {
        let mut argv: Vec<Text> = args.iter().map(|arg| arg.as_ptr()).collect();
        // SAFETY: `argv` holds `argc` strings that end in NUL and outlive the call.
        let outer = unsafe { (abi.chdb_connect)(argv.len() as c_int, argv.as_mut_ptr()) };
        let outer = NonNull::new(outer)?;
        Some(Connection { abi, outer })
    }

    fn inner(&self) -> Handle {
        // SAFETY: the outer pointer stays valid until `chdb_close_conn` in `drop`.
        unsafe { *self.outer.as_ptr() }
    }

    fn call(&self, call: Call, sql: &str, format: &str, params: &[(String, String)]) -> Handle {
        let params_c = Params::new(params);
        // SAFETY: every pointer comes with its length and outlives the call; the arrays are as
        // long as the count says.
        unsafe {
            call(
                self.inner(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                params_c.names.as_ptr(),
                params_c.name_lens.as_ptr(),
                params_c.values.as_ptr(),
                params_c.value_lens.as_ptr(),
                params.len(),
            )
        }
    }

    pub(super) fn query(&mut self, sql: &str, format: &str, params: &[(String, String)]) -> Output {
        let handle = self.call(self.abi.chdb_query_with_params_n, sql, format, params);
        Output { abi: self.abi, handle }
    }

    pub(super) fn select(self, sql: &str, format: &str, params: &[(String, String)]) -> Select {
        let handle = self.call(self.abi.chdb_stream_query_with_params_n, sql, format, params);
        let stream = Output { abi: self.abi, handle };
        Select { stream: Some(stream), connection: Some(self), open: true }
    }

    pub(super) fn insert(self, sql: &str, format: &str, params: &[(String, String)]) -> Feed {
        let stream = self.call(self.abi.chdb_stream_insert_with_params_n, sql, format, params);
        Feed { abi: self.abi, stream, connection: Some(self), open: true }
    }

    pub(super) fn classify(&mut self, sql: &str, database: &str) -> Option<Class> {
        let mut class = Class { struct_size: size_of::<Class>() as u32, ..Class::default() };
        // SAFETY: pointers come with their lengths; `class` says its own size.
        let state = unsafe {
            (self.abi.chdb_classify_query_n)(
                self.inner(),
                sql.as_ptr().cast(),
                sql.len(),
                database.as_ptr().cast(),
                database.len(),
                &mut class,
            )
        };
        (state == 0).then_some(class)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened by `chdb_connect`, closed once; streams own their connection, so none is
        // left open here.
        unsafe { (self.abi.chdb_close_conn)(self.outer.as_ptr()) }
    }
}

/// An answer or one chunk of it; the bytes stay in the engine's memory.
pub(super) struct Output {
    abi: &'static Abi,
    handle: Handle,
}

// SAFETY: a result is memory of its own; only its owner touches it.
unsafe impl Send for Output {}

impl Output {
    pub(super) fn bytes(&self) -> &[u8] {
        if self.handle.is_null() {
            return &[];
        }
        // SAFETY: buffer and length belong together and live until `drop`.
        unsafe {
            let length = (self.abi.chdb_result_length)(self.handle);
            let buffer = (self.abi.chdb_result_buffer)(self.handle);
            if buffer.is_null() || length == 0 {
                return &[];
            }
            std::slice::from_raw_parts(buffer, length)
        }
    }

    pub(super) fn error(&self) -> Option<String> {
        if self.handle.is_null() {
            return Some("Code: 49. DB::Exception: the engine gave no result".into());
        }
        // SAFETY: a live result.
        text(unsafe { (self.abi.chdb_result_error)(self.handle) })
    }

    pub(super) fn stats(&self) -> super::Stats {
        if self.handle.is_null() {
            return super::Stats::default();
        }
        // SAFETY: accessors of a live result.
        unsafe {
            super::Stats {
                result_rows: (self.abi.chdb_result_rows_read)(self.handle),
                result_bytes: (self.abi.chdb_result_bytes_read)(self.handle),
                read_rows: (self.abi.chdb_result_storage_rows_read)(self.handle),
                read_bytes: (self.abi.chdb_result_storage_bytes_read)(self.handle),
                written_rows: (self.abi.chdb_result_rows_written)(self.handle),
                written_bytes: (self.abi.chdb_result_bytes_written)(self.handle),
                elapsed_seconds: (self.abi.chdb_result_elapsed)(self.handle),
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: destroyed once, by its owner.
            unsafe { (self.abi.chdb_destroy_query_result)(self.handle) }
        }
    }
}

/// An open SELECT. The stream's handle goes before its connection.
pub(super) struct Select {
    /// Both are there until [`Select::into_connection`] or `drop`.
    stream: Option<Output>,
    connection: Option<Connection>,
    open: bool,
}

impl Select {
    pub(super) fn error(&self) -> Option<String> {
        self.stream.as_ref().and_then(Output::error)
    }

    pub(super) fn fetch(&mut self) -> Output {
        let (stream, connection) = self.parts();
        let abi = connection.abi;
        // SAFETY: a live stream of this very connection; `&mut self` serialises the calls.
        let handle = unsafe { (abi.chdb_stream_fetch_result)(connection.inner(), stream.handle) };
        Output { abi, handle }
    }

    fn parts(&self) -> (&Output, &Connection) {
        let parts = self.stream.as_ref().zip(self.connection.as_ref());
        parts.expect("an open SELECT has its stream and its connection")
    }

    /// The stream has ended by itself; there is nothing left to cancel.
    pub(super) fn ended(&mut self) {
        self.open = false;
    }

    /// Ends the stream and gives its connection to the next statement.
    pub(super) fn into_connection(mut self) -> Option<Connection> {
        self.close();
        self.connection.take()
    }

    fn close(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let Some(connection) = &self.connection else { return };
        if self.open && !stream.handle.is_null() {
            // SAFETY: as in `fetch`; `stream` is freed at the end of this function, and the
            // connection outlives it.
            unsafe { (connection.abi.chdb_stream_cancel_query)(connection.inner(), stream.handle) }
        }
    }
}

impl Drop for Select {
    fn drop(&mut self) {
        self.close();
    }
}

/// An open INSERT. Dropped before [`Feed::finish`], what it was given is not inserted.
pub(super) struct Feed {
    abi: &'static Abi,
    /// Null once closed.
    stream: Handle,
    connection: Option<Connection>,
    open: bool,
}

// SAFETY: as for `Connection`, which it owns.
unsafe impl Send for Feed {}

impl Feed {
    pub(super) fn error(&self) -> Option<String> {
        // SAFETY: the stream is never null and lives until `close`.
        text(unsafe { (self.abi.chdb_stream_insert_error)(self.stream) })
    }

    /// Copies the bytes into the engine's bounded queue; waits while that is full.
    pub(super) fn append(&mut self, bytes: &[u8]) -> bool {
        // SAFETY: a live stream; pointer and length belong together.
        unsafe {
            (self.abi.chdb_stream_append)(self.stream, bytes.as_ptr().cast(), bytes.len()) == 0
        }
    }

    pub(super) fn finish(&mut self) -> Output {
        self.open = false;
        // SAFETY: a live stream that was neither finished nor cancelled before.
        Output { abi: self.abi, handle: unsafe { (self.abi.chdb_stream_done)(self.stream) } }
    }

    /// Ends the stream (without [`Feed::finish`]: nothing is inserted) and gives its connection
    /// to the next statement.
    pub(super) fn into_connection(mut self) -> Option<Connection> {
        self.close();
        self.connection.take()
    }

    fn close(&mut self) {
        if self.stream.is_null() {
            return;
        }
        // SAFETY: cancelled when still open, destroyed once; the connection closes after this.
        unsafe {
            if self.open {
                (self.abi.chdb_stream_cancel_insert)(self.stream);
            }
            (self.abi.chdb_destroy_insert_stream)(self.stream);
        }
        self.stream = std::ptr::null_mut();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.close();
    }
}

//! A certificate authority of a test's own, made by `openssl` as people make theirs.

use std::path::{Path, PathBuf};
use std::process::Command;

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// `ca.pem`, and what it signed: `NAME.pem` with `NAME.key`. All are gone with it.
pub struct Authority(tempfile::TempDir);

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}

impl Authority {
    pub fn new() -> Authority {
        let authority = Authority(tempfile::tempdir().expect("no folder for certificates"));
        authority.openssl(&format!(
            "req -x509 {KEY} -keyout ca.key -out ca.pem -subj /CN=test-authority -days 2"
        ));
        authority
    }

    /// Signs a key of `subject`, for the names that it has: `DNS:localhost,IP:127.0.0.1`.
    pub fn sign(&self, file: &str, subject: &str, names: &str) {
        self.openssl(&format!("req {KEY} -keyout {file}.key -out {file}.csr -subj /CN={subject}"));
        std::fs::write(self.path("names"), format!("subjectAltName={names}\n"))
            .expect("cannot write the names");
        self.openssl(&format!(
            "x509 -req -in {file}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {file}.pem \
             -days 2 -extfile names"
        ));
    }

    pub fn path(&self, file: &str) -> PathBuf {
        Path::new(self.0.path()).join(file)
    }

    fn openssl(&self, args: &str) {
        let mut command = Command::new("openssl");
        let output = command.args(args.split_whitespace()).current_dir(&self.0).output();
        let output = output.expect("cannot run openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

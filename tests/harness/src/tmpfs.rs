//! A small file system that can be full, over the data directory of a project.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unmounted when dropped.
pub struct Tmpfs {
    place: PathBuf,
}

impl Tmpfs {
    /// Mounts one; the error says why the machine does not let us (root is needed).
    pub fn mount(place: &Path, megabytes: u32) -> Result<Tmpfs, String> {
        std::fs::create_dir_all(place).map_err(|error| error.to_string())?;
        let size = format!("size={megabytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Tmpfs { place: place.to_owned() }),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("mount: {error}")),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.place.join("ballast")
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.ballast()).unwrap();
        let chunk = vec![0u8; 1 << 20];
        // In ever smaller steps, to the last page.
        for bytes in [1 << 20, 1 << 16, 1 << 12] {
            while file.write(&chunk[..bytes]).is_ok_and(|written| written == bytes) {}
        }
    }

    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a child that is being killed may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

//! Whose log the spool holds: what a process needs to know that starts while the store is away.

use super::files::{damaged, files_error, make_folder};
use crate::timeline::Server;
use model::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

const NAME: &str = "spool.toml";
/// Its name while nothing is to be read: a disk that is full takes another name.
const PAUSED: &str = "paused.toml";

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Note {
    pub(super) slot: String,
    pub(super) server: Server,
    /// Somebody wants nothing to be read.
    pub(super) is_paused: bool,
}

impl Note {
    pub(super) fn read(folder: &Path) -> Result<Option<Note>> {
        for (name, is_paused) in [(NAME, false), (PAUSED, true)] {
            let path = folder.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => match Note::parse(&text, is_paused) {
                    Some(note) => return Ok(Some(note)),
                    None => return Err(damaged(folder, &format!("{name} does not read"))),
                },
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(files_error("read", &path, error)),
            }
        }
        Ok(None)
    }

    fn parse(text: &str, is_paused: bool) -> Option<Note> {
        let field = |key: &str| {
            let of = |line: &str| line.strip_prefix(key)?.strip_prefix(" = ").map(str::to_owned);
            let value = text.lines().find_map(of)?;
            Some(value.trim_matches('"').to_owned())
        };
        let server =
            Server { system: field("system")?, timeline: field("timeline")?.parse().ok()? };
        Some(Note { slot: field("slot")?, server, is_paused })
    }

    pub(super) fn pause(folder: &Path) -> Result<()> {
        let path = folder.join(NAME);
        let renamed =
            fs::rename(&path, folder.join(PAUSED)).and_then(|()| File::open(folder)?.sync_all());
        renamed.map_err(|error| files_error("rename", &path, error))
    }

    /// Of one that is not paused, as a whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let Note { slot, server: Server { system, timeline }, .. } = self;
        let text = format!("slot = \"{slot}\"\nsystem = \"{system}\"\ntimeline = {timeline}\n");
        let (path, new) = (folder.join(NAME), folder.join("spool.new"));
        let written = make_folder(folder)
            .and_then(|()| File::create(&new))
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&new, &path))
            .and_then(|()| match fs::remove_file(folder.join(PAUSED)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
            .and_then(|()| File::open(folder)?.sync_all());
        written.map_err(|error| files_error("write", &path, error))
    }

    /// Whether the spool is that slot's on that server, whatever its timeline.
    pub(super) fn check(&self, slot: &str, server: &Server, folder: &Path) -> Result<()> {
        if self.slot == slot && self.server.system == server.system {
            return Ok(());
        }
        let folder = folder.display();
        Err(Error::definite(format!("cannot use the spool {folder}: it is another pipeline's"))
            .detail(format!(
                "It holds the log of slot {} of server {}; this is slot {slot} of server {}.",
                self.slot, self.server.system, server.system
            ))
            .hint(format!(
                "start the pipeline that it belongs to; or give up what it holds: rm -r {folder}"
            )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_and_knows_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(folder.path()).unwrap(), None);
        let server = Server { system: "7".into(), timeline: 2 };
        let note = Note { slot: "millrace".into(), server: server.clone(), is_paused: false };
        note.write(folder.path()).unwrap();
        assert_eq!(Note::read(folder.path()).unwrap().as_ref(), Some(&note));
        assert!(
            note.check("millrace", &Server { timeline: 3, ..server.clone() }, folder.path())
                .is_ok()
        );
        assert!(note.check("other", &server, folder.path()).is_err());
        let other = Server { system: "8".into(), timeline: 2 };
        let error = note.check("millrace", &other, folder.path()).unwrap_err();
        assert!(error.report().contains("rm -r"), "{}", error.report());
        // A pause needs no room, and a new note ends it.
        fs::create_dir(folder.path().join("spool.new")).unwrap();
        Note::pause(folder.path()).unwrap();
        let paused = Note { is_paused: true, ..note.clone() };
        assert_eq!(Note::read(folder.path()).unwrap().as_ref(), Some(&paused));
        note.write(folder.path()).unwrap_err();
        assert_eq!(Note::read(folder.path()).unwrap().as_ref(), Some(&paused));
        fs::remove_dir(folder.path().join("spool.new")).unwrap();
        note.write(folder.path()).unwrap();
        assert_eq!(Note::read(folder.path()).unwrap().as_ref(), Some(&note));
        assert!(!folder.path().join(PAUSED).exists());
        fs::write(folder.path().join(NAME), "slot = ").unwrap();
        assert!(Note::read(folder.path()).is_err());
    }
}

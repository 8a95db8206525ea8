//! What is found on the disk: where the segments of an earlier process end.

use super::super::format::{Head, MAGIC, Messages, PREFIX_BYTES, VERSION};
use super::super::record::{Record, read_record};
use super::super::shown::Shown;
use super::{Files, Place, Segment, files_error, make_folder, note};
use model::{Error, Lsn, Result};
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::Path;
use std::sync::Arc;

impl Files {
    pub(in crate::spool) fn open(
        folder: &Path,
        limit_bytes: u64,
        shown: Arc<Shown>,
    ) -> Result<Files> {
        let mut files = Files {
            folder: folder.to_owned(),
            limit_bytes,
            shown,
            segments: VecDeque::new(),
            file: None,
            buffer: Vec::new(),
            whole_in_buffer: None,
            within: None,
            ends_within: None,
            through: Lsn::ZERO,
            whole: None,
            synced: None,
            folder_is_synced: false,
            base: Lsn::ZERO,
            relations: BTreeMap::new(),
            relations_bytes: 0,
            relations_in_buffer: Vec::new(),
            is_full: false,
            full_at: None,
            is_closed: false,
            stale: VecDeque::new(),
            broken: None,
        };
        let cannot = |error| files_error("open", folder, error);
        make_folder(folder).map_err(cannot)?;
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let name = entry.map_err(cannot)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".seg"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        if numbers.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
            return Err(files.damaged("a segment in its middle is missing"));
        }
        let last = numbers.last().copied();
        for number in numbers {
            match files.read_head(number)? {
                Some(segment) => files.segments.push_back(segment),
                // It was being begun.
                None if Some(number) == last => {
                    files.broken = Some(format!("{number}.seg has no head"));
                    files.stale.push_back(number);
                }
                None => {
                    return Err(files.damaged(&format!("the head of {number}.seg does not read")));
                }
            }
        }
        files.find_end()?;
        Ok(files)
    }

    /// `None`: something else stands there.
    fn read_head(&self, number: u64) -> Result<Option<Segment>> {
        let path = self.path(number);
        let cannot = |error| files_error("read", &path, error);
        let mut file = File::open(&path).map_err(cannot)?;
        let bytes = file.metadata().map_err(cannot)?.len();
        let Some(head) = read_prefix(&mut file, bytes, &path)? else { return Ok(None) };
        if head.number != number {
            return Err(self.damaged(&format!("{number}.seg is another one")));
        }
        let Head { from, within, begun_us, .. } = head;
        Ok(Some(Segment { number, from, within, begun_us, bytes }))
    }

    /// Reads the last segment: what was cut while it was being written was never confirmed.
    fn find_end(&mut self) -> Result<()> {
        while let Some(last) = self.segments.back() {
            let (number, path) = (last.number, self.path(last.number));
            let mut through = last.from;
            let mut within = last.within;
            let cannot = |error| files_error("read", &path, error);
            let mut file = File::open(&path).map_err(cannot)?;
            read_prefix(&mut file, last.bytes, &path)?;
            let mut offset = file.stream_position().map_err(cannot)?;
            let mut whole = within.is_none().then_some(Place { number, offset, through });
            loop {
                match read_record(&mut file, last.bytes - offset).map_err(cannot)? {
                    Record::End => break,
                    Record::Broken => {
                        self.broken =
                            Some(format!("{number}.seg does not read from byte {offset} on"));
                        break;
                    }
                    Record::Whole(plain, length) => {
                        let mut messages = Messages::new(&plain);
                        while let Some(message) = messages.next()? {
                            note(message, &mut within, &mut through)?;
                        }
                        offset += length;
                        if within.is_none() {
                            whole = Some(Place { number, offset, through });
                        }
                    }
                }
            }
            if whole.is_some() {
                self.whole = whole;
                break;
            }
            self.stale.push_back(number);
            self.segments.pop_back();
        }
        // What follows is left as it is until it is known that it was not confirmed.
        if let Some(whole) = self.whole {
            let path = self.path(whole.number);
            let file = File::options().write(true).read(true).open(&path);
            self.file = Some(file.map_err(|error| files_error("open", &path, error))?);
            self.through = whole.through;
        }
        self.sync_found()
    }

    /// Whoever wrote it may have been killed before it was on the disk. One that cannot say so loses
    /// nothing: nobody has cut what may have been confirmed.
    pub(in crate::spool) fn sync_found(&mut self) -> Result<()> {
        self.sync_disk().map_err(|error| files_error("sync", &self.folder, error))?;
        (self.folder_is_synced, self.synced) = (true, self.whole);
        self.show();
        Ok(())
    }
}

/// Magic, version and head. `None`: something else stands there.
pub(in crate::spool) fn read_prefix(
    file: &mut File,
    bytes: u64,
    path: &Path,
) -> Result<Option<Head>> {
    let read = |file: &mut File| {
        let mut prefix = [0; PREFIX_BYTES as usize];
        io::Read::read_exact(file, &mut prefix)?;
        let version = prefix.strip_prefix(MAGIC).map(|version| version[0]);
        let record = match version {
            Some(VERSION) => read_record(file, bytes.saturating_sub(PREFIX_BYTES))?,
            _ => Record::Broken,
        };
        io::Result::Ok((version, record))
    };
    match read(file) {
        Ok((Some(VERSION), Record::Whole(plain, _))) => Ok(Head::decode(&plain).ok()),
        Ok((Some(version), _)) if version != VERSION => Err(other_version(path, version)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(files_error("read", path, error)),
    }
}

fn other_version(path: &Path, version: u8) -> Error {
    Error::definite(format!("cannot read the spool {}", path.display()))
        .detail(format!("It is of format {version}, this version of Millrace reads {VERSION}."))
        .hint("let the version that wrote it empty it (`millrace status` shows how much is left), or remove the folder: the tables are copied again for what it held")
}

//! Roles of the engine's own. It reads `users.xml` once, when it opens, and takes no change of it
//! afterwards; so what will be needed is put down here for the next time.
//!
//! The engine has one user, `default`, without a right of its own but with every role. All of them
//! together, `all` among them, are what a session begins with; `SET ROLE` leaves the named ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// By name, the statements that make it: `GRANT SELECT ON shop.*`, `REVOKE …`.
pub type EngineRoles = BTreeMap<String, Vec<String>>;

const FILE: &str = "roles.tsv";
/// It may do everything.
const ALL: &str = "all";

/// For the next time that an engine opens this directory. Written whole or not at all, for good.
pub fn remember_roles(data_dir: &Path, roles: &EngineRoles) -> io::Result<()> {
    let rows = roles.iter().flat_map(|(name, statements)| {
        statements.iter().map(move |text| vec![Some(name.clone()), Some(text.clone())])
    });
    let fresh = data_dir.join(format!("{FILE}.{}", std::process::id()));
    let mut file = File::create(&fresh)?;
    file.write_all(&crate::tsv::write(&rows.collect()))?;
    file.sync_all()?;
    std::fs::rename(&fresh, data_dir.join(FILE))?;
    File::open(data_dir)?.sync_all()
}

/// What was put down last; none is there at first.
pub fn remembered_roles(data_dir: &Path) -> EngineRoles {
    let mut roles = EngineRoles::new();
    for row in crate::tsv::read(&std::fs::read(data_dir.join(FILE)).unwrap_or_default()) {
        if let [Some(name), Some(text)] = row.as_slice() {
            roles.entry(name.clone()).or_default().push(text.clone());
        }
    }
    roles
}

/// Databases of an engine that is not open, by the files that it keeps of them.
pub fn databases_on_disk(data_dir: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(data_dir.join("engine/metadata")) else { return Vec::new() };
    let names = files.filter_map(|file| {
        let name = file.ok()?.file_name().into_string().ok()?;
        decoded(name.strip_suffix(".sql")?)
    });
    names.collect()
}

/// `we%20ird` is `we ird`.
fn decoded(name: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), name.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

/// `users.xml`, and the names of the roles in it.
pub(super) fn users(data_dir: &Path) -> (String, BTreeSet<String>) {
    let mut roles = remembered_roles(data_dir);
    roles.insert(ALL.into(), vec!["GRANT ALL ON *.*".into()]);
    let names: BTreeSet<String> = roles.keys().cloned().collect();
    let queries = |statements: Vec<String>| -> String {
        statements.iter().map(|text| format!("<query>{}</query>", escaped(text))).collect()
    };
    let made = roles.into_iter().map(|(name, statements)| {
        format!("    <{name}><grants>{}</grants></{name}>\n", queries(statements))
    });
    let made: String = made.collect();
    let given = queries(names.iter().map(|name| format!("GRANT {name}")).collect());
    let text = format!(
        "<clickhouse>
  <profiles><default></default></profiles>
  <roles>
{made}  </roles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>{given}</grants>
    </default>
  </users>
  <quotas><default></default></quotas>
</clickhouse>
"
    );
    (text, names)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_remembered_and_escaped() {
        let folder = tempfile::tempdir().unwrap();
        assert!(remembered_roles(folder.path()).is_empty());
        let roles = EngineRoles::from([(
            "g_1".to_owned(),
            vec!["GRANT SELECT ON `a<b&\\`c`.*".to_owned(), "REVOKE SELECT ON x.*".to_owned()],
        )]);
        remember_roles(folder.path(), &roles).unwrap();
        assert_eq!(remembered_roles(folder.path()), roles);
        let (xml, names) = users(folder.path());
        assert!(xml.contains("ON `a&lt;b&amp;\\`c`.*</query><query>REVOKE"), "{xml}");
        assert_eq!(names, ["all".to_owned(), "g_1".to_owned()].into());
    }

    #[test]
    fn names_of_databases_are_decoded() {
        assert_eq!(decoded("we%20ird%2Edb").as_deref(), Some("we ird.db"));
        assert_eq!(decoded("caf%C3%A9").as_deref(), Some("café"));
        assert_eq!(decoded("bad%2"), None);
    }
}

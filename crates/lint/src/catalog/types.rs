//! Types that statements made, and what they are made of.

use crate::names;
use crate::types::Type;
use pg_query::NodeEnum;
use pg_query::protobuf::TypeName;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Made {
    Enum,
    Domain { is_checked: bool },
    Composite,
}

#[derive(Default, Debug)]
pub(super) struct Types {
    made: BTreeMap<String, Made>,
    /// A domain and its base, a composite and the type of a field.
    within: BTreeSet<(String, String)>,
}

impl Types {
    pub(super) fn get(&self, name: &str) -> Option<Made> {
        self.made.get(name).copied()
    }

    pub(super) fn learn(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::CreateEnumStmt(made) => {
                self.made.insert(names::parts(&made.type_name).1, Made::Enum);
            }
            NodeEnum::CreateDomainStmt(made) => {
                let (_, name) = names::parts(&made.domainname);
                self.holds(&name, made.type_name.as_ref());
                let is_checked = !made.constraints.is_empty();
                self.made.insert(name, Made::Domain { is_checked });
            }
            NodeEnum::CompositeTypeStmt(made) => {
                let Some(relation) = &made.typevar else { return };
                for field in &made.coldeflist {
                    if let Some(NodeEnum::ColumnDef(field)) = &field.node {
                        self.holds(&relation.relname, field.type_name.as_ref());
                    }
                }
                self.made.insert(relation.relname.clone(), Made::Composite);
            }
            _ => {}
        }
    }

    pub(super) fn rename(&mut self, before: &str, now: &str) {
        let named = |name: String| if name == before { now.to_owned() } else { name };
        let made = std::mem::take(&mut self.made).into_iter();
        self.made = made.map(|(name, made)| (named(name), made)).collect();
        let within = std::mem::take(&mut self.within).into_iter();
        self.within = within.map(|(ty, part)| (named(ty), named(part))).collect();
    }

    fn holds(&mut self, name: &str, part: Option<&TypeName>) {
        self.within.extend(part.map(|part| (name.to_owned(), Type::new(part).name)));
    }

    /// The type itself, and those that it is in.
    pub(super) fn holding(&self, name: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::from([name.to_owned()]);
        let mut left = vec![name.to_owned()];
        while let Some(part) = left.pop() {
            for (ty, _) in self.within.iter().filter(|(_, of)| *of == part) {
                if found.insert(ty.clone()) {
                    left.push(ty.clone());
                }
            }
        }
        found
    }
}

//! SHOW of users and what they may, as a SELECT, so that it comes in any format.

use super::caller::Caller;
use super::statement::Show;
use super::{book, grant};
use crate::clickhouse::error::Failure;

impl Caller {
    pub(super) fn show(&self, show: &Show) -> Result<String, Failure> {
        let book = self.access.book();
        let own = |name: &Option<String>| name.as_deref().is_none_or(|name| name == self.user);
        let allowed = match show {
            Show::Grants(name) | Show::CreateUser(name) => own(name),
            Show::CurrentRoles => true,
            _ => false,
        };
        if !allowed && !self.is_admin() {
            let text = "Not enough privileges. To see others needs an admin.";
            return Err(Failure::new(497, "ACCESS_DENIED", text));
        }
        let named = |name: &str, of: &'static str| -> Result<book::Holder, Failure> {
            let holders = if of == "USER" { &book.users } else { &book.roles };
            let unknown = if of == "USER" { book::unknown_user } else { book::unknown_role };
            holders.get(name).cloned().ok_or_else(|| unknown(name))
        };
        let (title, lines): (String, Vec<String>) = match show {
            Show::Grants(name) => {
                let name = name.as_deref().unwrap_or(&self.user);
                let holder =
                    named(name, "USER").or_else(|no| named(name, "ROLE").map_err(|_| no))?;
                let title =
                    if name == self.user { "GRANTS".into() } else { format!("GRANTS FOR {name}") };
                (title, holder.grant_statements())
            }
            Show::CreateUser(name) => {
                let name = name.as_deref().unwrap_or(&self.user);
                let user = named(name, "USER")?;
                let by = user.password.as_ref().map(|p| format!(" IDENTIFIED WITH {}", p.method()));
                let default = match user.default_roles.is_all() {
                    true => String::new(),
                    false => format!(" DEFAULT ROLE {}", user.default_roles_text()),
                };
                let line = format!(
                    "CREATE USER {}{}{default}{}",
                    grant::ident(name),
                    by.unwrap_or_default(),
                    user.settings_clause()
                );
                (format!("CREATE USER {name}"), vec![line])
            }
            Show::CreateRole(name) => {
                let role = named(name, "ROLE")?;
                let line = format!("CREATE ROLE {}{}", grant::ident(name), role.settings_clause());
                (format!("CREATE ROLE {name}"), vec![line])
            }
            Show::Users => ("name".into(), book.users.keys().cloned().collect()),
            Show::Roles => ("name".into(), book.roles.keys().cloned().collect()),
            Show::CurrentRoles => ("role_name".into(), self.rights.roles.iter().cloned().collect()),
            Show::Policies(None) => ("name".into(), book.policies.keys().cloned().collect()),
            Show::Policies(Some((database, table))) => {
                let of_it = |p: &&book::Policy| p.database == *database && p.table == *table;
                let found = book.policies.values().filter(of_it);
                ("name".into(), found.map(|policy| policy.name.clone()).collect())
            }
            Show::Quotas => ("name".into(), book.quotas.keys().cloned().collect()),
            Show::Access => {
                let holders = book.users.values().chain(book.roles.values());
                let grants = holders.flat_map(book::Holder::grant_statements);
                let policies = book.policies.values().map(book::Policy::statement);
                let quotas = book.quotas.values().map(book::Quota::statement);
                ("ACCESS".into(), grants.chain(policies).chain(quotas).collect())
            }
        };
        let lines: Vec<String> = lines.iter().map(|line| store::ddl::literal(line)).collect();
        let array = format!("CAST([{}], 'Array(String)')", lines.join(", "));
        Ok(format!("SELECT arrayJoin({array}) AS {}", store::ddl::ident(&title)))
    }
}

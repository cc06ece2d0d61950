//! What the database lets us do.
//!
//! Asked of PostgreSQL's catalogue, which anybody may read, so that a missing privilege is named instead of met. On SQLite the file
//! decides, and only a write tells.

use super::dispatch::{Sql, query};
use super::error::StoreError;
use super::migrate::tables;
use super::pool::{Backend, Store};

/// What our role may do in the schema that it works in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Privileges {
    /// The role.
    pub role: String,
    /// The schema; none where the role may use none of its search path.
    pub schema: Option<String>,
    /// Whether it may make tables there, as migrations do.
    pub may_create: bool,
    /// Tables it may not read and write.
    pub unusable: Vec<String>,
    /// Tables it may use but not alter, because they are somebody else's; a migration may need that.
    pub not_owned: Vec<String>,
}

impl Store {
    /// What our role may do; none on SQLite.
    pub async fn privileges(&self) -> Result<Option<Privileges>, StoreError> {
        const ROLE: Sql = Sql {
            postgres: "SELECT CAST(current_user AS text) AS role, CAST(current_schema() AS text) AS schema,
                           COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create",
            sqlite: "",
        };
        const TABLES: Sql = Sql {
            postgres: "SELECT CAST(c.relname AS text) AS name,
                           has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                               AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE') AS usable,
                           pg_has_role(c.relowner, 'USAGE') AS owned
                       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY 1",
            sqlite: "",
        };
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        let ours = tables();
        let mut privileges = Privileges::default();
        if let Some(row) = query(ROLE).read_one(self).await? {
            privileges.role = row.get("role")?;
            privileges.schema = row.find("schema")?;
            privileges.may_create = row.get("may_create")?;
        }
        for row in query(TABLES).read(self).await? {
            let name: String = row.get("name")?;
            // A schema may be shared with an application that has tables of its own.
            if !ours.contains(&name.as_str()) {
                continue;
            }
            if !row.get::<bool>("usable")? {
                privileges.unusable.push(name);
            } else if !row.get::<bool>("owned")? {
                privileges.not_owned.push(name);
            }
        }
        Ok(Some(privileges))
    }
}

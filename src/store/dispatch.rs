//! One way to run a statement on either database.
//!
//! A method of the store writes its statement once, binds values, and reads rows by name. Where the dialects
//! part, the two texts stand side by side in a [`Sql`]; nothing rewrites SQL at run time.

use std::borrow::Cow;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection};

use super::codec::{Row, Value};
use super::error::StoreError;
use super::pool::{Backend, Store};
use super::tx::Tx;

/// A statement in both dialects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

/// The text of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Both(Cow<'static, str>),
    Pair(Sql),
}

impl Text {
    fn on(&self, backend: Backend) -> &str {
        match (self, backend) {
            (Self::Both(text), _) => text,
            (Self::Pair(sql), Backend::Postgres) => sql.postgres,
            (Self::Pair(sql), Backend::Sqlite) => sql.sqlite,
        }
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Both(Cow::Borrowed(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Both(Cow::Owned(text))
    }
}

impl From<Sql> for Text {
    fn from(sql: Sql) -> Self {
        Self::Pair(sql)
    }
}

/// A statement with its values.
#[derive(Debug)]
pub(crate) struct Query<'q> {
    text: Text,
    values: Vec<Value<'q>>,
}

/// Begins a statement.
pub(crate) fn query<'q>(text: impl Into<Text>) -> Query<'q> {
    Query {
        text: text.into(),
        values: Vec::new(),
    }
}

impl<'q> Query<'q> {
    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds values that were gathered before, in their order.
    pub(crate) fn bind_all(mut self, values: impl IntoIterator<Item = Value<'q>>) -> Self {
        self.values.extend(values);
        self
    }

    /// Runs it; how many rows it touched.
    pub(crate) async fn execute(self, tx: &mut Tx) -> Result<u64, StoreError> {
        let done = match tx.connection() {
            On::Postgres(connection) => {
                let (text, arguments) = self.for_postgres()?;
                let query = sqlx::query_with(text.on(Backend::Postgres), arguments);
                let done = query.execute(connection).await;
                done.map(|done| done.rows_affected())
            }
            On::Sqlite(connection) => {
                let (text, arguments) = self.for_sqlite()?;
                let query = sqlx::query_with(text.on(Backend::Sqlite), arguments);
                let done = query.execute(connection).await;
                done.map(|done| done.rows_affected())
            }
        };
        let rows = done.map_err(|error| tx.refused(error.into()))?;
        tx.wrote(rows);
        Ok(rows)
    }

    /// Runs it inside a transaction; all its rows.
    pub(crate) async fn rows(self, tx: &mut Tx) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows_on(tx.connection()).await;
        rows.map_err(|error| tx.refused(error))
    }

    /// Runs it inside a transaction; its first row.
    pub(crate) async fn row(self, tx: &mut Tx) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(tx).await?.into_iter().next())
    }

    /// Reads outside any transaction; all its rows.
    pub(crate) async fn read(self, store: &Store) -> Result<Vec<Row>, StoreError> {
        store.reading(self).await
    }

    /// Reads outside any transaction; its first row.
    pub(crate) async fn read_one(self, store: &Store) -> Result<Option<Row>, StoreError> {
        Ok(self.read(store).await?.into_iter().next())
    }

    pub(crate) async fn rows_on(self, on: On<'_>) -> Result<Vec<Row>, StoreError> {
        match on {
            On::Postgres(connection) => {
                let (text, arguments) = self.for_postgres()?;
                let query = sqlx::query_with(text.on(Backend::Postgres), arguments);
                let rows = query.fetch_all(connection).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
            On::Sqlite(connection) => {
                let (text, arguments) = self.for_sqlite()?;
                let query = sqlx::query_with(text.on(Backend::Sqlite), arguments);
                let rows = query.fetch_all(connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    fn for_postgres(self) -> Result<(Text, PgArguments), StoreError> {
        let mut arguments = PgArguments::default();
        for value in self.values {
            value
                .add_postgres(&mut arguments)
                .map_err(|fault| StoreError::Refused(sqlx::Error::Encode(fault)))?;
        }
        Ok((self.text, arguments))
    }

    fn for_sqlite(self) -> Result<(Text, SqliteArguments<'q>), StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            value
                .add_sqlite(&mut arguments)
                .map_err(|fault| StoreError::Refused(sqlx::Error::Encode(fault)))?;
        }
        Ok((self.text, arguments))
    }
}

/// A connection of either kind.
pub(crate) enum On<'a> {
    Postgres(&'a mut PgConnection),
    Sqlite(&'a mut SqliteConnection),
}

/// The databases' marker types, named here so that the rest of the room need not know sqlx.
pub(crate) type PostgresTransaction = sqlx::Transaction<'static, Postgres>;
/// See [`PostgresTransaction`].
pub(crate) type SqliteTransaction = sqlx::Transaction<'static, Sqlite>;

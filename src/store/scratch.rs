//! A place of its own in somebody's PostgreSQL, for what is only tried out.
//!
//! The demo must not mix with what else lives in a database: it works in a schema that it makes and drops.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::error::StoreError;

/// Makes a schema and answers the address at which only that schema is seen.
pub async fn schema_create(url: &str, name: &str) -> Result<String, StoreError> {
    run(url, &format!("CREATE SCHEMA {}", quoted(name))).await?;
    let joint = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{joint}options[search_path]={name}"))
}

/// Drops a schema with everything in it.
pub async fn schema_drop(url: &str, name: &str) -> Result<(), StoreError> {
    run(
        url,
        &format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(name)),
    )
    .await
}

async fn run(url: &str, statement: &str) -> Result<(), StoreError> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

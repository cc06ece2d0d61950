//! A faithful Microsoft Graph and identity service in memory.

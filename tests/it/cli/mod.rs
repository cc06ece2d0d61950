//! The command as people run it: the binary itself.

mod campaign;
mod campaign_writes;
mod colours;
mod demo;
mod doctor;
mod doctor_databases;
mod guide;
mod keys;
mod logs;
mod quarantine;
mod reference;
pub mod run;
mod settings;
mod traces;
mod whole;

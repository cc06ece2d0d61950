//! What a service is run with: the image, the stack, the unit, the manifests, and how a process starts and stops.
//!
//! The files are read here and held against the program, so that none names a variable, a command, a path or a port that does
//! not exist; what can be run of them without a container is run.

mod compose;
mod docker;
mod files;
mod guides;
mod image;
mod kubernetes;
mod sandboxed;
mod starting;
mod stopping;
mod systemd;
mod tunnel;

//! What becomes of foreign content before anybody is shown it. Pure: no I/O, nothing async.
//!
//! Mail is written by strangers. Names of files, declared types and HTML pass through here before they reach an application or a
//! browser: [`file_name`] (names that lie about where or what they are), [`media_type`] (which kinds may be shown as what they are, and
//! which bytes are not what they are declared to be), [`html`] (nothing that acts, nothing that is fetched), [`text`], [`range`].

mod depth;
pub mod file_name;
pub mod html;
pub mod media_type;
pub mod range;
pub mod text;

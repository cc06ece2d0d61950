//! Makes the copy true.

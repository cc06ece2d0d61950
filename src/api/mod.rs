//! Questions and commands from outside.

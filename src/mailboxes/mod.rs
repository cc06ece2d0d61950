//! Connecting, disconnecting, and the states between.

//! Puts the parts together, starts, supervises, stops.

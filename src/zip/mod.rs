//! The strict reader of wheels.

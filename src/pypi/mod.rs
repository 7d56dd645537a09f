//! Package indexes: finding and fetching wheels.

//! The integration tests, one binary; its folders mirror the rooms.

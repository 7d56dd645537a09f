//! OCI archives: layouts in a tar.

//! OCI image layouts: folders that hold images.

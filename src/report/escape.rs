//! Bytes of strangers are escaped at the door of each format.

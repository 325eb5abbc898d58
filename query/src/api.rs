//! One file or folder per API family.

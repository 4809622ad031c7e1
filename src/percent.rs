//! What stays as it is where addresses are encoded; everything else becomes `%XX`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// Besides letters and digits, what no part of an address gives a meaning to: as Python's `quote`
/// does if it is told of no other.
pub const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// In a path, as Python's `quote` does.
pub const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// In a part of an address, as JavaScript's `encodeURIComponent` does.
pub const COMPONENT: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// In a whole address, as JavaScript's `encodeURI` does.
pub const ADDRESS: &AsciiSet = &COMPONENT
    .remove(b';')
    .remove(b',')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'#');

//! What Debian's archive is made of, as values: control paragraphs, versions, .deb members, indexes. Parses bytes, opens nothing.

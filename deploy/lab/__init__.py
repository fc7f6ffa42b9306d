"""The lab: hosts made of network namespaces, real BGP daemons in them, and observers that take no part."""

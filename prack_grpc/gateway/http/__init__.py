"""HTTP/1.1 with the client: the connection, its reader and its writer."""

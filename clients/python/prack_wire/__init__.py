"""What gateway and worker share beside the stubs: frames and the events of WebSockets."""

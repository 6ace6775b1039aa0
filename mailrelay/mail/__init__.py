"""What mail is: pure functions and frozen values. No clock, no socket, no Twisted, no policy."""

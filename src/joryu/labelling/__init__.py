"""The local page that makes a person a teacher, and the devices that measure how sure that person is."""

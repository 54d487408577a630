// Carrier of the precompiled header (see CMakeLists.txt); it has no code.

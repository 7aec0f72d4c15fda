#!/usr/bin/env node
// Executable in the repository too, where a build writes dist without that right.
import '../dist/bin.js';

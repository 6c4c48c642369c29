#!/usr/bin/env node
// Linked by npm at installation, when nothing is built yet.
import "../dist/main.js";

// Makes a process believe that it is as many seconds later as the file says that DAGLAB_CLOCK names,
// and ends it with its standard input.
"use strict";

const fs = require("node:fs");

const Real = Date;
const shift = () => 1000 * Number(fs.readFileSync(process.env.DAGLAB_CLOCK, "utf8"));

globalThis.Date = class Date extends Real {
  constructor(...parts) {
    if (parts.length === 0) super(Real.now() + shift());
    else super(...parts);
  }

  static now() {
    return Real.now() + shift();
  }
};

process.stdin.on("close", () => process.exit()).resume();

"""Loads notebooks, formats and writes them as marimo's editor does, and checks them strictly.

Ends with 1 if one would be written otherwise than it is, or if the check finds anything.
"""

import asyncio
import difflib
import sys
from pathlib import Path

from marimo._ast.codegen import generate_filecontents_from_ir
from marimo._ast.parse import parse_notebook
from marimo._lint import run_check
from marimo._utils.formatter import RuffFormatter

folder = Path(sys.argv[1])
files = sorted(folder.glob("*.py"))
texts = {file.name: file.read_text() for file in files}
notebooks = {name: parse_notebook(text, filepath=name) for name, text in texts.items()}

# Most cells are the same in many notebooks: each is formatted once.
codes = sorted({cell.code for notebook in notebooks.values() for cell in notebook.cells})
formatted = asyncio.run(RuffFormatter(79).format({str(i): code for i, code in enumerate(codes)}))
by_code = {code: formatted[str(i)] for i, code in enumerate(codes)}

wrong = 0
for name, notebook in notebooks.items():
    for cell in notebook.cells:
        cell.code = by_code[cell.code]
    written = generate_filecontents_from_ir(notebook)
    if written != texts[name]:
        wrong += 1
        if wrong < 4:
            lines = (text.splitlines(keepends=True) for text in (texts[name], written))
            sys.stderr.writelines(difflib.unified_diff(*lines, name, "as marimo writes it"))

for checked in run_check((str(folder),)).files:
    for found in checked.diagnostics:
        wrong += 1
        print(checked.file, found.code, found.message, file=sys.stderr)

print(len(files), "notebooks")
sys.exit(wrong > 0)

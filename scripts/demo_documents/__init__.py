"""Documents on which the demo model is trained: small programming problems, stated and solved.

Theory of operation. A family draws a problem from blocks (`blocks`, `numbers`, `words`): a source of data,
up to three steps and a printed value. The same blocks give the statement (`wording`) and the program
(`programs`), so that a program is correct by construction; it is run on random inputs to get the answers
of the sample tests. Some neighbouring pairs of blocks are held out (`held_out`) for the bundled problems.
A document (`documents`) is a problem in exactly the prompt of the pipeline, then its program. All of it is
a function of a seed.
"""

from demo_documents.documents import Document, DocumentPlan, Span, draw_specification
from demo_documents.specification import GenerationError, Specification, run_program

__all__ = [
    "Document",
    "DocumentPlan",
    "GenerationError",
    "Span",
    "Specification",
    "draw_specification",
    "run_program",
]

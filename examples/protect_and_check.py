"""Protect a photo, ask whether it worked, save it. Python API.

    python examples/protect_and_check.py [PHOTO] [OUTPUT.png]

Without a photo it takes the public-domain portrait that the package carries.
"""

import sys
from importlib import resources
from pathlib import Path

from PIL import Image

import faceveil

portrait = Path(str(resources.files("faceveil"))) / "assets" / "astronaut.png"
photo = Path(sys.argv[1]) if len(sys.argv) > 1 else portrait
output = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("protected.png")

protector = faceveil.load_protector()  # the default; faceveil.list_protectors() has the others
try:
    done = protector.protect_photo(photo, strength=1.0)
except faceveil.FaceVeilError as error:  # every error of FaceVeil: one line that says what to do
    sys.exit(f"{photo}: {error}")
if not done.faces:
    sys.exit(f"{photo}: no face found, nothing written")

for face in done.faces:
    print(f"a face, to read as {face.target}; mean change of luma {face.mean_change:.3f}")

Image.fromarray(done.image).save(output)
checked = faceveil.check(photo, output)
for face_check in checked.checks:
    print(face_check.verdict)
print(f"{output}: {'it worked' if checked.passed else 'it did not work on every face'}")

"""The product's application on waitress as it comes, with as many threads; the control of the attacks."""

import sys

from waitress import serve

from holo.wsgi import application

serve(application, listen=sys.argv[-1], threads=8)

"""surprises_ctl.py CTL WORD…: what write(2) and close(2) say of each word."""
import errno, os, sys
for word in sys.argv[2:]:
    fd = os.open(sys.argv[1], os.O_WRONLY)
    for call in (lambda: os.write(fd, word.encode()), lambda: os.close(fd)):
        try:
            print(call(), end=" ")
        except OSError as error:
            print(errno.errorcode[error.errno], end=" ")

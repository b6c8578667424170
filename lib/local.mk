# libsesame: sessions, with the stores inside and neither libfcgi nor a web server.

include_HEADERS += lib/sesame.h
pkgconfig_DATA += lib/sesame.pc

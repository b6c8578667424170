dnl Our own checks.

dnl SESAME_TRY_FLAG(FLAG, WORKS): runs WORKS if the compiler compiles and links with FLAG.
AC_DEFUN([SESAME_TRY_FLAG], [
	AC_MSG_CHECKING([whether $CC takes $1])
	sesame_saved_cflags=$CFLAGS
	CFLAGS="$CFLAGS $1"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([])],
		[AC_MSG_RESULT([yes])
		 $2],
		[AC_MSG_RESULT([no])])
	CFLAGS=$sesame_saved_cflags
])

dnl SESAME_ADD_CFLAGS(FLAGS): adds those that the compiler takes.
AC_DEFUN([SESAME_ADD_CFLAGS], [
	m4_foreach_w([sesame_flag], [$1],
		[SESAME_TRY_FLAG(sesame_flag, [SESAME_CFLAGS="$SESAME_CFLAGS sesame_flag"])])
])

dnl SESAME_ADD_LDFLAGS(FLAGS): adds those that the linker takes.
AC_DEFUN([SESAME_ADD_LDFLAGS], [
	m4_foreach_w([sesame_flag], [$1],
		[SESAME_TRY_FLAG(sesame_flag, [SESAME_LDFLAGS="$SESAME_LDFLAGS sesame_flag"])])
])

dnl SESAME_ADD_FORTIFY: the C library's checks of buffers, where the optimiser is on and the user has not decided.
AC_DEFUN([SESAME_ADD_FORTIFY], [
	AS_CASE([" $CPPFLAGS $CFLAGS "],
		[*_FORTIFY_SOURCE*|*" -O0 "*], [],
		[*" -O"*], [SESAME_CPPFLAGS="$SESAME_CPPFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
])

dnl SESAME_SANITIZE(LIST): builds with these sanitizers or not at all.
AC_DEFUN([SESAME_SANITIZE], [
	sesame_sanitize="-fsanitize=$1 -fno-omit-frame-pointer -fno-sanitize-recover=all"
	sesame_sanitize_works=no
	SESAME_TRY_FLAG([$sesame_sanitize], [sesame_sanitize_works=yes])
	AS_IF([test $sesame_sanitize_works = no],
		[AC_MSG_ERROR([$CC cannot build with -fsanitize=$1; possible are "address,undefined" and "thread"])])
	CFLAGS="$CFLAGS $sesame_sanitize"
])

dnl SESAME_LIBRARY(NAME, HEADER, LIBRARY, FUNCTION, DEBIAN PACKAGE): sets NAME_LIBS, or notes the package as missing.
AC_DEFUN([SESAME_LIBRARY], [
	AC_ARG_VAR([$1_LIBS], [how to link lib$3, if not by -l$3])
	sesame_found=yes
	AC_CHECK_HEADER([$2], [], [sesame_found=no])
	AS_IF([test $sesame_found = yes], [
		sesame_saved_libs=$LIBS
		AS_IF([test -n "$[]$1_LIBS"],
			[LIBS="$[]$1_LIBS $LIBS"
			 AC_CHECK_FUNC([$4], [], [sesame_found=no])],
			[AC_CHECK_LIB([$3], [$4], [$1_LIBS=-l$3],
				[AC_CHECK_FUNC([$4], [$1_LIBS=], [sesame_found=no])])])
		LIBS=$sesame_saved_libs])
	AS_IF([test $sesame_found = no], [sesame_missing="$sesame_missing $5"])
])

dnl SESAME_LIBRARIES_DONE: ends configure with one command to run, if anything is missing.
AC_DEFUN([SESAME_LIBRARIES_DONE], [
	AS_IF([test -n "$sesame_missing"],
		[AC_MSG_ERROR([libraries are missing; on Debian: apt-get install$sesame_missing])])
])

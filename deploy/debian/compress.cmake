# CPack runs this in the package's tree before it is closed: manual pages and the change log are kept compressed in Debian.
file(GLOB_RECURSE files ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/man/*
     ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/tandem/changelog)
execute_process(COMMAND gzip -9 -n ${files} COMMAND_ERROR_IS_FATAL ANY)

# cmake -DOUT=FILE.c -DFOLDER=node/web -P embed.cmake: the page's files as one C table.
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/*.html ${FOLDER}/*.css ${FOLDER}/*.js ${FOLDER}/*.svg)
set(arrays "")
set(rows "")
foreach(file ${files})
  string(REGEX REPLACE "[^a-z]" "_" name ${file})
  string(REGEX REPLACE ".*\\." "" kind ${file})
  file(READ ${FOLDER}/${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char ${name}[] = { ${bytes} };\n")
  string(APPEND rows "    { \"/${file}\", \"${type_${kind}}\", ${name}, sizeof ${name} },\n")
endforeach()
file(WRITE ${OUT} "#include \"node/api/web.h\"\n\n${arrays}\nconst struct web_file web_files[] = {\n${rows}};\n"
  "const size_t web_file_count = sizeof web_files / sizeof *web_files;\n")

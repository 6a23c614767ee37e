prompt
${commands}
quit

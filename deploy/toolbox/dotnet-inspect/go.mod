// Takes evidence from a .NET process through its diagnostic port. No dependencies.
module debugcapture/dotnet-inspect

go 1.25.0
